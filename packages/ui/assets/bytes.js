// Bytes and their written forms: hex, Base64 and Base58 (Bitcoin's alphabet, as in multibase `z`).

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** @param {string} text @returns {Bytes} */
export function utf8(text) {
  return new Uint8Array(new TextEncoder().encode(text));
}

/** @param {Bytes} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} text @returns {Bytes} */
export function fromHex(text) {
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

/** @param {Bytes} bytes */
export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/**
 * Base64 of either alphabet, with or without padding; white space is ignored.
 * @param {string} text
 * @returns {Bytes}
 */
export function fromBase64(text) {
  const plain = text.replace(/\s+/g, '').replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  return Uint8Array.from(atob(plain), (character) => character.charCodeAt(0));
}

/** @param {Bytes} bytes */
export function toBase58(bytes) {
  /** @type {number[]} */
  const digits = [];
  for (const byte of bytes) {
    let carry = byte;
    for (let index = 0; index < digits.length; index += 1) {
      carry += (digits[index] ?? 0) * 256;
      digits[index] = carry % 58;
      carry = Math.floor(carry / 58);
    }
    while (carry > 0) {
      digits.push(carry % 58);
      carry = Math.floor(carry / 58);
    }
  }
  // Base58 writes each leading zero byte as the alphabet's first character.
  const zeros = bytes.findIndex((byte) => byte !== 0);
  const lead = '1'.repeat(zeros === -1 ? bytes.length : zeros);
  return lead + digits.reverse().map((digit) => BASE58.charAt(digit)).join('');
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Base32 of RFC 4648 in lower case, without padding.
 * @param {Bytes} bytes
 */
export function toBase32(bytes) {
  let [bits, waiting, text] = [0, 0, ''];
  for (const byte of bytes) {
    waiting = (waiting << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32.charAt((waiting >> bits) & 31);
      waiting &= (1 << bits) - 1;
    }
  }
  return bits > 0 ? text + BASE32.charAt((waiting << (5 - bits)) & 31) : text;
}

/** @param {...Bytes} parts @returns {Bytes} */
export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** @param {Bytes} bytes @returns {Promise<Bytes>} */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
