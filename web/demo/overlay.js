// Polygons over the picture, tied to the list of lines: pointing at or focusing one lights up the other.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {SVGSVGElement} svg lies over the picture
 * @param {HTMLOListElement} list
 * @param {(text: string, what: string) => void} copy
 */
export function linkedLines(svg, list, copy) {
  let current = -1;
  const boxes = () => /** @type {SVGPolygonElement[]} */ ([...svg.children]);
  const items = () => [...list.children];
  const button = (i) => items()[i]?.querySelector('button');

  function light(i) {
    if (i === current) return;
    boxes()[current]?.classList.remove('on');
    items()[current]?.classList.remove('on');
    current = i;
    boxes()[i]?.classList.add('on');
    items()[i]?.classList.add('on');
  }

  // One stop in the tab order for the whole list; the arrow keys walk inside it.
  function walkTo(i) {
    for (const item of items()) item.querySelector('button').tabIndex = -1;
    const target = button(i);
    if (!target) return;
    target.tabIndex = 0;
    target.focus();
    items()[i].scrollIntoView({ block: 'nearest' });
  }

  list.addEventListener('keydown', (event) => {
    const at = items().findIndex((item) => item.contains(document.activeElement));
    const last = items().length - 1;
    const to = { ArrowDown: Math.min(last, at + 1), ArrowUp: Math.max(0, at - 1), Home: 0, End: last }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    walkTo(to);
  });

  return {
    clear() {
      current = -1;
      svg.replaceChildren();
      list.replaceChildren();
    },
    /**
     * @param {{ text: string, score: number, box: [number, number][] }[]} answers
     * @param {number} width of the picture that the boxes are measured in
     * @param {number} height
     */
    show(answers, width, height) {
      this.clear();
      svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
      svg.setAttribute('preserveAspectRatio', 'none');
      answers.forEach(({ text, score, box }, i) => {
        const polygon = document.createElementNS(SVG, 'polygon');
        polygon.setAttribute('points', box.map(([x, y]) => `${x},${y}`).join(' '));
        polygon.addEventListener('pointerenter', () => light(i));
        polygon.addEventListener('click', () => walkTo(i));
        svg.append(polygon);

        const item = document.createElement('li');
        const words = document.createElement('span');
        words.className = 'text';
        words.textContent = text;
        const sure = document.createElement('span');
        sure.className = 'score';
        sure.title = 'How sure the model is';
        sure.textContent = `${Math.round(score * 100)} %`;
        const take = document.createElement('button');
        take.type = 'button';
        take.tabIndex = i ? -1 : 0;
        take.textContent = 'Copy';
        take.setAttribute('aria-label', `Copy line ${i + 1}: ${text}`);
        take.addEventListener('click', () => copy(text, `Line ${i + 1}`));
        item.append(words, sure, take);
        item.addEventListener('pointerenter', () => light(i));
        item.addEventListener('focusin', () => light(i));
        list.append(item);
      });
    },
  };
}
