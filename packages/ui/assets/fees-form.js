// The operator's form for the fees: what they would take of a sample, and the announcement.

import { feesOf, feesTaken } from './fees-sum.js';
import { part } from './page.js';
import { formRun } from './problem.js';

/** @param {FormData} data @param {string} name @returns {string[]} */
function texts(data, name) {
  return data.getAll(name).map((value) => String(value).trim());
}

/**
 * @param {(path: string, body: unknown) => Promise<void>} send
 */
export function feesFormStart(send) {
  const form = document.getElementById('fees');
  if (!(form instanceof HTMLFormElement)) {
    return;
  }
  const lines = () => {
    const data = new FormData(form);
    return feesOf(texts(data, 'name'), texts(data, 'recipient'), texts(data, 'percent'));
  };
  const effect = part(form, '#fee-effect', HTMLElement);
  const show = () => {
    const sample = String(new FormData(form).get('sample') ?? '');
    try {
      effect.textContent = feesTaken(sample, lines());
    } catch (error) {
      effect.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  form.addEventListener('input', show);
  show();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', async () => {
      const from = String(new FormData(form).get('from') ?? '');
      const time = from === '' ? {} : { effectiveAt: new Date(from).toISOString() };
      await send('/pay/api/fees', { lines: lines(), ...time });
    });
  });
}
