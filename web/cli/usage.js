/** A command that was not understood: said together with how the commands go. */
export class Usage extends Error {}
