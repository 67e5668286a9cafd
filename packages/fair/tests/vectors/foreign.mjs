// Makes foreign.json: manifests of other software, signed the way that software does it, in JavaScript and with the
// Ed25519 of Node.js, so that nothing of ours takes part. Run: node foreign.mjs > foreign.json

import { createPrivateKey, sign } from "node:crypto";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

const KEYS = {
  one: {
    seed: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    mjn: "did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
    imajin: "did:imajin:9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj",
  },
  two: {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    mjn: "did:mjn:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
    imajin: "did:imajin:FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z",
  },
};

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

function signed(document, key) {
  const { signature, platformSignature, ...rest } = document;
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(KEYS[key].seed, "hex")]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return sign(null, Buffer.from(JSON.stringify(sorted(rest)), "utf8"), secret);
}

const hexSignature = (document, key) => ({
  algorithm: "ed25519",
  value: signed(document, key).toString("hex"),
  publicKeyRef: KEYS[key].imajin,
});

const rfc0001 = {
  version: "1.0",
  did: KEYS.one.mjn,
  created: "2026-02-25T10:00:00Z",
  contributors: [
    { did: KEYS.one.mjn, role: "author", share: 0.85 },
    { did: KEYS.two.mjn, role: "editor", share: 0.1 },
    { did: "did:web:example.org", role: "source", share: 0.05 },
  ],
  derivedFrom: ["fair_earlier", KEYS.two.mjn],
  terms: {
    read: { price: 0.08, currency: "MJN" },
    train: { price: "prohibited" },
    redistribute: { price: 0, conditions: "attribution-required" },
    remix: "free",
  },
  canonical: "https://example.org/essay",
};
rfc0001.signature = signed(rfc0001, "one").toString("hex");

const imajin10 = {
  fair: "1.0",
  id: "asset_01h9é",
  type: "image/png",
  owner: KEYS.one.imajin,
  created: "2026-03-01T12:00:00.000Z",
  access: { type: "public" },
  attribution: [
    { did: KEYS.one.imajin, role: "creator", share: 0.7, name: "Ana", note: "“Leitung”" },
    { did: KEYS.two.imajin, role: "venue", share: 0.3 },
  ],
  transfer: { allowed: true, resaleRoyalty: 0.05 },
  fees: [{ role: "protocol", name: "MJN", rateBps: 100, fixedCents: 0 }],
  integrity: { hash: "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", size: 3 },
};
imajin10.signature = hexSignature(imajin10, "one");
imajin10.platformSignature = hexSignature(imajin10, "two");

const imajin11 = {
  fair: "1.1",
  version: "1.1",
  id: "asset_02",
  type: "audio/flac",
  owner: KEYS.two.imajin,
  created: "2026-04-01T12:00:00.000Z",
  access: { type: "private" },
  attribution: [
    { did: KEYS.two.imajin, role: "creator", share: 0.99 },
    { role: "platform", name: "Imajin", share: 0.01 },
  ],
  distribution: {
    reproduction: { mode: "quote-with-attribution", quote: { maxPercent: 25 } },
    streaming: { mode: "allowed", price: { amount: 1, currency: "USD" } },
    derivative: { mode: "allow-with-share", sampling: { allowed: "allow-with-share", share: 0.05 } },
    syndication: { mode: "allow-with-attribution" },
  },
  training: { allowed: false },
  commercial: { allowed: false, contactRequired: true },
  settlement: { schemes: ["x402"] },
};
imajin11.signature = {
  signer: KEYS.two.imajin,
  alg: "ed25519",
  value: signed(imajin11, "two").toString("base64url"),
  signedAt: "2026-04-01T12:00:01.000Z",
};
imajin11.platformSignature = hexSignature(imajin11, "one");

// The documents as text: what is kept is bytes, spaces included.
const texts = { rfc0001, imajin10, imajin11 };
for (const name of Object.keys(texts)) texts[name] = JSON.stringify(texts[name], null, 1);
process.stdout.write(JSON.stringify(texts, null, 1) + "\n");
