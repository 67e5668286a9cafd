// The node's time. A clock that is wrong by more than the node allows is common on phones and laptops, so we learn from
// the node's answers how far ours is off.

let aheadMillis = 0;
/** `Date` has whole seconds, and an answer has been on its way. */
const NOTICEABLE_MILLIS = 5_000;

/** @param {Response} answer */
export function clockLearn(answer) {
  const nodeTime = Date.parse(answer.headers.get('date') ?? '');
  if (!Number.isNaN(nodeTime)) {
    const ahead = nodeTime - Date.now();
    aheadMillis = Math.abs(ahead) < NOTICEABLE_MILLIS ? 0 : ahead;
  }
}

/** Milliseconds since 1970, as the node counts them. */
export function nodeNow() {
  return Date.now() + aheadMillis;
}
