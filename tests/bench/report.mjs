// Collects tables, for the terminal and for RESULTS.md.
export class Report {
  /** @type {string[]} */
  lines = [];
  /** @param {string} title @param {string[]} head @param {(string | number)[][]} rows @param {string} [note] */
  table(title, head, rows, note = '') {
    this.lines.push(`\n## ${title}\n`, ...(note ? [note, ''] : []), `| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows.map((r) => `| ${r.join(' | ')} |`));
    console.log(`\n${title}`);
    for (const row of [head, ...rows]) console.log(row.map((c, i) => String(c).padEnd(i ? 16 : 24)).join(' '));
  }
  /** @param {string} text */
  say(text) {
    this.lines.push('', text);
  }
}
