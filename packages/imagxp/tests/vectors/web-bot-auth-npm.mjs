// Requests signed by the public client library of Web Bot Auth, and what it says about one that we have signed.
// Run: npm install web-bot-auth@0.1.3 && node web-bot-auth-npm.mjs > web-bot-auth-npm.json
import { signatureHeaders, verify } from "web-bot-auth";
import { signerFromJWK, verifierFromJWK } from "web-bot-auth/crypto";

// The published key of RFC 9421, appendix B.1.4: no secret.
const JWK = {
  kty: "OKP",
  crv: "Ed25519",
  kid: "test-key-ed25519",
  d: "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU",
  x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
};
const URL = "https://site.example/posts/1?page=2";
const CREATED = new Date("2026-03-01T00:00:00Z");
const EXPIRES = new Date("2026-03-01T00:05:00Z");
const NONCE = "JojDFWJ90jf+gZhdKeTyJYsu1XvNPZSFAGhvYq5SuV3gneOEUAhq+xl792WGuD1W+Dr6NRmx+m+t06NsYnL4iA==";

const signer = await signerFromJWK(JWK);
const cases = [
  { name: "authority", headers: {} },
  { name: "agent", headers: { "signature-agent": '"https://bot.example.org"' } },
  {
    name: "whole",
    headers: { "signature-agent": '"https://bot.example.org"' },
    components: ["@method", "@authority", "@path", "@query", "signature-agent"],
  },
];
const requests = [];
for (const { name, headers, components } of cases) {
  const message = { method: "GET", url: URL, headers };
  const params = { created: CREATED, expires: EXPIRES, nonce: NONCE, ...(components ? { components } : {}) };
  const signed = await signatureHeaders(message, signer, params);
  requests.push({
    name,
    headers: { ...headers, "signature-input": signed["Signature-Input"], signature: signed.Signature },
  });
}

// With a file of headers as argument: whether the library takes them.
if (process.argv[2]) {
  const { readFileSync } = await import("node:fs");
  const headers = JSON.parse(readFileSync(process.argv[2], "utf8"));
  // The library asks the clock: it is the moment of the signature.
  globalThis.Date = class extends Date {
    constructor(...moment) {
      super(...(moment.length ? moment : [CREATED.getTime() + 1000]));
    }
    static now() {
      return CREATED.getTime() + 1000;
    }
  };
  await verify({ method: "GET", url: URL, headers }, await verifierFromJWK(JWK));
  console.error("the library takes it");
} else {
  const { d, ...key } = JWK;
  console.log(JSON.stringify({ url: URL, created: CREATED.getTime(), key, requests }, null, 1));
}
