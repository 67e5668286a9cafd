// The pods that one is in, for pages that name some of them.

import { jsonGet } from './problem.js';

/**
 * Those whose members one sees: of an event's pod, only whoever runs it does.
 * @param {any} pod
 */
const isOwn = (pod) => pod.role !== null && (pod.type !== 'event' || pod.role !== 'member');

/** @returns {Promise<{ id: string, name: string }[]>} */
export async function podsOwn() {
  /** @type {any[]} */
  const pods = [];
  let cursor = '';
  do {
    const from = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await jsonGet(`/connections/api/pods${from}`);
    pods.push(...page.pods);
    cursor = page.cursor ?? '';
  } while (cursor !== '');
  return pods.filter(isOwn);
}
