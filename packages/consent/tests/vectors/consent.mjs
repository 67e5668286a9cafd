// Makes consent.json: declarations, grants and a revocation, signed in JavaScript and with the Ed25519 of Node.js, so
// that nothing of ours takes part. Run: node consent.mjs > consent.json

import { createHash, createPrivateKey, sign } from "node:crypto";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
const DID = "did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7";
const OTHER = "did:mjn:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw";

// RFC 8785 for documents of ASCII names without floats.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

function signed(document) {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(SEED, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return { ...document, signature: sign(null, Buffer.from(canonical(document), "utf8"), key).toString("hex") };
}

const sha256 = (document) => createHash("sha256").update(canonical(document), "utf8").digest("hex");
const entry = (document) => ({ document, sha256: sha256(document) });

const declarations = [
  {
    version: "1.0", consumer: DID, content: "fair_example01", intendedUse: "read",
    timestamp: "2026-03-01T00:00:00Z", nonce: "n-0001",
  },
  {
    version: "1.0", consumer: DID, content: OTHER, intendedUse: "query", scope: "b5bb9d8014a0f9b1d61e21e796d78dcc",
    expires: "2026-03-02T00:00:00Z", timestamp: "2026-03-01T01:00:00.250+01:00", nonce: "été-ascii-only".slice(4),
  },
];

const message = (type, payload) => signed({ from: DID, type, timestamp: 1772323200000, payload });
const grant = message("consent", {
  subject: DID, grantedTo: "connections", purpose: "query", fields: ["profile.city", "works"], mode: "allow",
  expires: "2027-03-01T00:00:00Z",
});
const denial = message("consent", {
  subject: DID, grantedTo: OTHER, purpose: "query", fields: ["*"], mode: "deny",
});

console.log(JSON.stringify({
  seed: SEED,
  did: DID,
  declarations: declarations.map(signed).map(entry),
  grants: [grant, denial].map(entry),
  revocation: message("revocation", { consent: sha256(grant) }),
}, null, 2));
