// A distribution contract: written from what a form says, and signed by whose money it divides.

import { toHex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { keySign } from './keys.js';

/** So much later than now a contract takes effect at the earliest: until then it has reached the node. */
const SOON_MILLIS = 60_000;

/**
 * @typedef {object} Fields
 * @property {{ label: string, recipient: string, percentage: string }[]} parts
 * @property {string} overflow
 * @property {string} minimum
 * @property {string} currency
 * @property {boolean} isPublic
 * @property {number} [effective] in milliseconds
 */

/** @param {string} text a decimal number as people write it @returns {string} as money is written */
export function decimal(text) {
  const [, whole, places = ''] = /^(\d+)(?:[.,](\d*))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) {
    throw new Error(`“${text}” is no amount. Write it like 12.50.`);
  }
  return `${whole.replace(/^0+(?=\d)/, '')}.${places.replace(/0+$/, '').padEnd(2, '0')}`;
}

/** @param {string} text */
function percent(text) {
  const number = Number(text.trim().replace(',', '.'));
  if (text.trim() === '' || Number.isNaN(number)) {
    throw new Error(`“${text}” is no percentage. Write it like 12.5.`);
  }
  return number;
}

/**
 * The next version, not signed yet.
 * @param {string} did whose money it divides
 * @param {number} version
 * @param {Fields} fields
 * @param {number} now in milliseconds
 */
export function contractDraft(did, version, fields, now) {
  const minimum = fields.minimum.trim();
  const effective = Math.max(fields.effective ?? 0, now + SOON_MILLIS);
  return {
    profile_did: did,
    version,
    updated_at: new Date(now).toISOString(),
    effective_at: new Date(effective).toISOString(),
    allocations: fields.parts.map(({ label, recipient, percentage }) => (
      { label: label.trim(), recipient: recipient.trim(), percentage: percent(percentage) }
    )),
    ...(fields.overflow.trim() === '' ? {} : { overflow: fields.overflow.trim() }),
    ...(minimum === '' ? {} : { minimum_transaction: decimal(minimum), currency: fields.currency.trim() }),
    ...(fields.isPublic ? { aggregates_public: true } : {}),
  };
}

/**
 * The signature covers everything but its own value: also who signed, and when.
 * @param {Pick<import('./identity.js').Identity, 'did' | 'privateKey'>} identity
 * @param {Record<string, unknown>} contract
 * @param {number} now in milliseconds
 */
export async function contractSign(identity, contract, now) {
  const signature = { did: identity.did, alg: 'EdDSA', created: new Date(now).toISOString() };
  const value = toHex(await keySign(identity.privateKey, utf8(canonical({ ...contract, signature }))));
  return { ...contract, signature: { ...signature, value } };
}
