// Refusals (problem+json, RFC 9457), and how a form shows them.

import { clockLearn } from './clock.js';

/** What a refused request said. */
export class ProblemError extends Error {
  /** @param {{ code?: string, title?: string, detail?: string, hint?: string, requestId?: string }} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'The node refused the request and did not say why.');
    this.code = problem.code ?? '';
    this.title = problem.title ?? '';
    this.hint = problem.hint ?? '';
    this.requestId = problem.requestId ?? '';
  }
}

/** @param {Response} answer @returns {Promise<ProblemError>} */
export async function problemRead(answer) {
  const requestId = answer.headers.get('x-request-id') ?? undefined;
  try {
    const problem = await answer.json();
    return new ProblemError({ requestId, ...problem });
  } catch {
    return new ProblemError({ title: 'The node could not answer', detail: `It said ${answer.status}.`, requestId });
  }
}

/**
 * @param {Response} answer
 * @returns {Promise<any>} the JSON of a success, null if it has none; a refusal is thrown
 */
export async function answerRead(answer) {
  if (!answer.ok) {
    throw await problemRead(answer);
  }
  return answer.status === 204 ? null : answer.json();
}

/**
 * @param {string} path
 * @returns {Promise<any>} the JSON of the answer; a refusal is thrown
 */
export async function jsonGet(path) {
  const answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store' });
  clockLearn(answer);
  return answerRead(answer);
}

/**
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<any>} the JSON of the answer, null if it has none; a refusal is thrown
 */
export async function jsonPost(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    credentials: 'same-origin',
    cache: 'no-store',
  });
  clockLearn(answer);
  return answerRead(answer);
}

/**
 * @param {HTMLElement} region a live region
 * @param {unknown} error
 */
export function problemShow(region, error) {
  const notice = document.createElement('div');
  notice.className = 'notice notice-bad';
  const say = (/** @type {string} */ text, /** @type {string} */ name) => {
    const line = document.createElement('p');
    line.textContent = text;
    line.className = name;
    notice.append(line);
  };
  if (error instanceof ProblemError) {
    notice.dataset['code'] = error.code;
    say(error.message, 'notice-what');
    if (error.hint !== '') {
      say(error.hint, 'notice-hint');
    }
    if (error.requestId !== '') {
      say(`Number of this request: ${error.requestId}`, 'fine');
    }
  } else if (error instanceof TypeError) {
    // What `fetch` throws when there was no answer at all.
    say('The node could not be reached. Check your connection and try again.', 'notice-what');
  } else {
    say(error instanceof Error ? error.message : String(error), 'notice-what');
  }
  region.replaceChildren(notice);
}

/**
 * @param {HTMLElement} region a live region
 * @param {string} text
 */
export function statusShow(region, text) {
  const line = document.createElement('p');
  line.textContent = text;
  region.replaceChildren(line);
}

/**
 * Does `act` once at a time: the form's buttons rest meanwhile, and what goes wrong is shown in `region`.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} region
 * @param {string} text what is being done
 * @param {() => Promise<void>} act
 */
export async function formRun(form, region, text, act) {
  if (form.getAttribute('aria-busy') === 'true') {
    return;
  }
  const buttons = [...form.querySelectorAll('button')];
  form.setAttribute('aria-busy', 'true');
  buttons.forEach((button) => button.setAttribute('aria-disabled', 'true'));
  statusShow(region, text);
  try {
    await act();
  } catch (error) {
    problemShow(region, error);
  } finally {
    form.removeAttribute('aria-busy');
    buttons.forEach((button) => button.removeAttribute('aria-disabled'));
  }
}
