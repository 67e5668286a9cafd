// Uses a broker as anybody's program does, with unmodified libraries: jose checks a visa, openid-client reads the
// metadata and gets a token.
//
// Arguments: issuer, agent's domain, its key (PKCS#8, PEM), a visa, the publisher's host. Prints one JSON document.

import { createRemoteJWKSet, importPKCS8, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

const [issuer, agent, pem, visa, publisher] = process.argv.slice(2);

const key = await importPKCS8(pem, 'ES256');
const config = await oidc.discovery(new URL(issuer), agent, undefined, oidc.PrivateKeyJwt(key), {
  execute: [oidc.allowInsecureRequests],
});
const metadata = config.serverMetadata();

const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
const { payload, protectedHeader } = await jwtVerify(visa, keys, { issuer, audience: publisher, typ: 'pay+jwt' });
const code = (error) => error.code;
const elsewhere = await jwtVerify(visa, keys, { issuer, audience: 'other.example' }).then(() => 'accepted', code);
const [head, , signature] = visa.split('.');
const dearer = Buffer.from(JSON.stringify({ ...payload, max_micros: 9_000_000_000 })).toString('base64url');
const forged = await jwtVerify([head, dearer, signature].join('.'), keys, { issuer }).then(() => 'accepted', code);

const tokens = await oidc.clientCredentialsGrant(config);
const answer = await oidc.fetchProtectedResource(
  config,
  tokens.access_token,
  new URL(`${issuer}/api/accounts/me`),
  'GET',
);
const inspected = await oidc.tokenIntrospection(config, visa);

const document = {
  alg: protectedHeader.alg,
  payload,
  elsewhere,
  forged,
  own: await answer.json(),
  inspected,
};
process.stdout.write(`${JSON.stringify(document)}\n`);
process.exit(0);
