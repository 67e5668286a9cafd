// Prints, a line each, what two libraries say a did:key is: the method's own, and a resolver's.

import { driver } from '@digitalbazaar/did-method-key';
import { from } from '@digitalbazaar/ed25519-multikey';
import { Resolver } from 'did-resolver';
import { getResolver } from 'key-did-resolver';

const did = process.argv[2];
const method = driver();
method.use({ multibaseMultikeyHeader: 'z6Mk', fromMultibase: from });
console.log(JSON.stringify(await method.get({ did })));
const { didDocument } = await new Resolver(getResolver()).resolve(did);
console.log(JSON.stringify(didDocument));
