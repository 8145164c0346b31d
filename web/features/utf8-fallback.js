// Text from and to bytes in places whose global object has no TextDecoder: AudioWorklets in some browsers. Imported before what needs them.
const scope = /** @type {any} */ (globalThis);

scope.TextEncoder ??= class {
  /** @param {string} text lone surrogates become U+FFFD */
  encode(text) {
    /** @type {number[]} */
    const bytes = [];
    for (const letter of text) {
      let code = /** @type {number} */ (letter.codePointAt(0));
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | code >> 6, 0x80 | code & 63);
      else if (code < 0x10000) bytes.push(0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63);
      else bytes.push(0xf0 | code >> 18, 0x80 | code >> 12 & 63, 0x80 | code >> 6 & 63, 0x80 | code & 63);
    }
    return Uint8Array.from(bytes);
  }
};

scope.TextDecoder ??= class {
  /** @param {Uint8Array} bytes well-formed, as the core writes them */
  decode(bytes = new Uint8Array(0)) {
    let text = '';
    for (let i = 0; i < bytes.length;) {
      const lead = bytes[i++], more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      let code = more ? lead & 0x3f >> more : lead;
      for (let k = 0; k < more; k++) code = code << 6 | bytes[i++] & 63;
      text += String.fromCodePoint(code);
    }
    return text;
  }
};
