// The code that two devices show while one lets the other in.

import { sha256, utf8 } from './bytes.js';

/** Without letters and digits that look alike. */
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';

/**
 * Made of the key alone, on each device by itself: a node that shows another key than the new device has cannot have
 * both show one code.
 * @param {string} key the new device's Multikey
 */
export async function deviceCode(key) {
  const digest = await sha256(utf8(`imajin device code 2\0${key}`));
  const letters = Array.from(digest.slice(0, 12), (byte) => ALPHABET.charAt(byte & 31)).join('');
  return [letters.slice(0, 4), letters.slice(4, 8), letters.slice(8)].join('-');
}
