// What fees take of an amount, in whole millionths.

import { decimalOf, micros } from './earnings-sum.js';

/** @typedef {{ name: string, recipient: string, rateMicros: number }} Fee */

/**
 * The fees of a form's fields; a line without a name is left out.
 * @param {string[]} names
 * @param {string[]} recipients
 * @param {string[]} percents
 * @returns {Fee[]}
 */
export function feesOf(names, recipients, percents) {
  /** @type {Fee[]} */
  const fees = [];
  names.forEach((name, place) => {
    const percent = percents[place] ?? '';
    if (name === '') {
      return;
    }
    if (!/^\d{1,2}(\.\d{1,4})?$/.test(percent)) {
      throw new Error(`${name}: write the percentage with a point, for example 0.5.`);
    }
    // A percent is ten thousand millionths.
    const rateMicros = Number(micros(percent) / 100n);
    fees.push({ name, recipient: recipients[place] ?? 'node', rateMicros });
  });
  return fees;
}

/**
 * One sentence: what each takes of a sample, and what is left.
 * @param {string} sample
 * @param {Fee[]} fees
 */
export function feesTaken(sample, fees) {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(sample)) {
    throw new Error('Write the sample with a point, for example 100.00.');
  }
  const gross = micros(sample);
  let left = gross;
  const parts = fees.map(({ name, rateMicros }) => {
    const taken = gross * BigInt(rateMicros) / 1_000_000n;
    left -= taken;
    return `${name} ${decimalOf(taken)}`;
  });
  const taken = parts.length === 0 ? 'No fees.' : `${parts.join(', ')}.`;
  return `Of ${decimalOf(gross)}: ${taken} ${decimalOf(left)} is split.`;
}
