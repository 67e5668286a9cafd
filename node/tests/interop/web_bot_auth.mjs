// Signs requests with the unmodified npm package `web-bot-auth`.
//
// Prints the directory of a fresh key; reads one line of JSON, {url, agent, visa, components}, and prints the status
// and the text of the answer. Until its input ends.

import { createInterface } from 'node:readline';
import { generateNonce, jwkToKeyID, signatureHeaders } from 'web-bot-auth';
import { helpers, signerFromJWK } from 'web-bot-auth/crypto';

const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
const secret = await crypto.subtle.exportKey('jwk', pair.privateKey);
const { kty, crv, x } = secret;
const kid = await jwkToKeyID(secret, helpers.WEBCRYPTO_SHA256, helpers.BASE64URL_DECODE);
process.stdout.write(`${JSON.stringify({ keys: [{ kty, crv, x, kid, use: 'sig' }] })}\n`);
const signer = await signerFromJWK(secret);

for await (const line of createInterface({ input: process.stdin })) {
  const { url, agent, visa, components } = JSON.parse(line);
  const headers = { 'signature-agent': `"${agent}"` };
  if (visa) headers.authorization = `License ${visa}`;
  const now = new Date();
  const params = { created: now, expires: new Date(now.getTime() + 300_000), nonce: generateNonce() };
  const signed = await signatureHeaders({ method: 'GET', url, headers }, signer, {
    ...params,
    ...(components ? { components } : {}),
  });
  const answer = await fetch(url, {
    headers: { ...headers, 'signature-input': signed['Signature-Input'], signature: signed.Signature },
  });
  process.stdout.write(`${JSON.stringify({ status: answer.status, text: await answer.text() })}\n`);
}
process.exit(0);
