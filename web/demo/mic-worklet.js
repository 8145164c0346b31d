// Hands the microphone's sound to the page in blocks, a few dozen a second.
class MicTap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(1024);
    this.used = 0;
  }

  process([[channel]]) {
    if (!channel) return true;
    for (const value of channel) {
      this.block[this.used++] = value;
      if (this.used === this.block.length) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(1024);
        this.used = 0;
      }
    }
    return true;
  }
}
registerProcessor('mic-tap', MicTap);
