// Small things that every page module needs.

/**
 * The element with an id, of the kind that the page promises.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{ new (): T }} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`The page lacks #${id}.`);
  }
  return found;
}

/**
 * A path of this node to go on to; anything else becomes `fallback`.
 * @param {string | undefined} next
 * @param {string} fallback
 */
export function localPath(next, fallback) {
  if (!next?.startsWith('/')) {
    return fallback;
  }
  const url = new URL(next, location.origin);
  // `/..//host` is on this origin and has the path `//host`, which would lead to another one.
  const stays = url.origin === location.origin && !url.pathname.startsWith('//');
  return stays ? url.pathname + url.search + url.hash : fallback;
}

/**
 * The first element inside `root` that matches, of the kind that the page promises.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {{ new (): T }} kind
 * @returns {T}
 */
export function part(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`The page lacks ${selector}.`);
  }
  return found;
}

/**
 * A copy of the one element that a template holds.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const copy = element(id, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) {
    throw new Error(`The page lacks what #${id} holds.`);
  }
  return copy;
}
