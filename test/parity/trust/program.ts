// Reads vectors from stdin and says what becomes of each: run by Node and by the compiled executable, the answers must be the same.
import { MosError } from '../../../pkg/errors/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parseCertificate } from '../../../pkg/trust/certificate.ts';
import { verifyEfiBytes } from '../../../pkg/trust/efi/verify.ts';
import {
  addKeyset,
  addSudi,
  type KeyType,
  openSigner,
  parseAnchors,
  revokeProject,
  verifyEvidence,
} from '../../../pkg/trust/index.ts';
import { verifyRevocationList } from '../../../pkg/trust/revocation.ts';

export type TrustVector =
  | { readonly kind: 'certificate'; readonly der: string }
  | {
      readonly kind: 'document';
      readonly anchors: string;
      readonly bytes: string;
      readonly certificate: string;
      readonly signature: string;
    }
  | { readonly kind: 'list'; readonly anchors: string; readonly der: string }
  | { readonly kind: 'efi'; readonly anchors: string; readonly file: string }
  | { readonly kind: 'keyset'; readonly folder: string; readonly keyType: KeyType };

const time = { now: new Date('2026-11-21T12:00:00Z'), builtAt: new Date('2026-01-01T00:00:00Z') };
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');
const anchorsOf = (text: string) => parseAnchors(bytesOf(text), 'ca.pem');

async function answer(vector: TrustVector): Promise<unknown> {
  switch (vector.kind) {
    case 'certificate': {
      const {
        der: _,
        tbs: _tbs,
        signature: _signature,
        key,
        issuer,
        subject,
        ...facts
      } = parseCertificate(bytesOf(vector.der));
      return { ...facts, key: key.type, issuer: issuer.commonName, subject: subject.commonName };
    }
    case 'document': {
      const evidence = {
        name: 'it',
        bytes: bytesOf(vector.bytes),
        certificates: [bytesOf(vector.certificate)],
        signatures: [bytesOf(vector.signature)],
      };
      return verifyEvidence(evidence, { anchors: anchorsOf(vector.anchors), time }).product;
    }
    case 'list':
      return verifyRevocationList(bytesOf(vector.der), anchorsOf(vector.anchors)).serials;
    case 'efi':
      return verifyEfiBytes(bytesOf(vector.file), 'it', anchorsOf(vector.anchors).certificates);
    case 'keyset':
      return makeKeyset(vector.folder, vector.keyType);
  }
}

/** Everything that makes keys and certificates; the test looks at the files with openssl. */
async function makeKeyset(folder: string, keyType: KeyType): Promise<string> {
  await addKeyset(linuxHost, 'acme', { folder, keyType, organizations: ['Größe'] });
  await addSudi(linuxHost, 'acme', 'default', 'SN1', { folder });
  await revokeProject(linuxHost, 'acme', 'default', { folder });
  const signer = await openSigner(linuxHost, 'acme', 'default', { folder });
  const bytes = new TextEncoder().encode('signed');
  return Buffer.from(await signer.sign(bytes)).toString('base64');
}

async function main(): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  const answers: unknown[] = [];
  for (const vector of JSON.parse(Buffer.concat(chunks).toString()) as TrustVector[])
    try {
      answers.push(await answer(vector));
    } catch (error) {
      answers.push(error instanceof MosError ? `${error.code}: ${error.message}` : `untyped: ${error}`);
    }
  process.stdout.write(JSON.stringify(answers));
}

main();
