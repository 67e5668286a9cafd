// Looks how far a payment on Solana is, and shows the page again when something has changed. Without JavaScript the
// page loads itself again.

import { element } from './page.js';
import { jsonGet } from './problem.js';

const LOOK_EVERY_MILLIS = 2000;
const main = element('main', HTMLElement);
const { checkout = '', state = '', strays = '0' } = main.dataset;

async function look() {
  const now = await jsonGet(`/pay/solana/${checkout}/state`);
  if (now.state !== state || String(now.strays) !== strays) {
    location.reload();
    return;
  }
  setTimeout(again, LOOK_EVERY_MILLIS);
}

// The node may be away for a moment, and the payment goes on without this page.
function again() {
  look().catch(() => setTimeout(again, LOOK_EVERY_MILLIS));
}

setTimeout(again, LOOK_EVERY_MILLIS);
