import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseAnchors } from '../anchors.ts';
import { type Certificate, nameOfCertificate, parseCertificate } from '../certificate.ts';
import { verifyChain } from '../chain.ts';
import { parsePeImage } from './image.ts';
import { type ImageSignature, parseImageSignature } from './signature.ts';

/** An EFI file whose every byte is covered by a signature of `signer`. */
export type VerifiedEfi = { readonly file: string; readonly signer: string; readonly signatures: number };

/** `certificate` is the signer's, or that of a CA above it, as an entry of the firmware's db. */
export async function verifyEfi(host: Host, file: string, certificate: string): Promise<VerifiedEfi> {
  const { certificates } = parseAnchors(
    await host.files.read(certificate),
    certificate,
    'certificate of the signer',
  );
  return verifyEfiBytes(await host.files.read(file), file, certificates);
}

/** Several signatures may be there; one good one is enough. Dates don't count: firmware has no clock to trust. */
export function verifyEfiBytes(
  bytes: Uint8Array,
  file: string,
  trusted: readonly Certificate[],
): VerifiedEfi {
  const cannot = (why: string): MosError => new MosError('untrusted', `cannot trust ${file}: ${why}`);
  const { digest, signatures } = readImage(bytes, file);
  if (signatures.length === 0) throw cannot('it is not signed');
  const parsed = signatures.map(readSignature);
  const [malformed] = parsed.filter((result) => result instanceof MosError);
  const readable = parsed.filter((result): result is ImageSignature => 'imageDigest' in result);
  const fitting = readable.filter((signature) => Buffer.from(signature.imageDigest).equals(digest));
  for (const signature of fitting) {
    const signer = findSigner(signature, trusted);
    if (signer !== undefined)
      return { file, signer: nameOfCertificate(signer), signatures: signatures.length };
  }
  if (fitting.length > 0)
    throw cannot(`it is not signed by ${trusted.map((c) => `"${nameOfCertificate(c)}"`).join(' or ')}`);
  if (readable.length > 0) throw cannot('its bytes are not those that were signed');
  throw cannot(`its signature is malformed (${malformed?.message})`);
}

function readImage(bytes: Uint8Array, file: string) {
  try {
    return parsePeImage(bytes);
  } catch (error) {
    if (!(error instanceof MosError)) throw error;
    throw new MosError('untrusted', `cannot trust ${file}: ${error.message}`, { cause: error });
  }
}

function readSignature(blob: Uint8Array): ImageSignature | MosError {
  try {
    return parseImageSignature(blob);
  } catch (error) {
    if (error instanceof MosError) return error;
    throw error;
  }
}

/** The certificate that made the signature, when it is trusted or a trusted CA stands above it. */
function findSigner(signature: ImageSignature, trusted: readonly Certificate[]): Certificate | undefined {
  const isNamed = (c: Certificate) =>
    c.serial === signature.serial && Buffer.from(c.issuer.raw).equals(signature.issuer);
  const own = trusted.find((certificate) => isNamed(certificate) && signature.isSignedBy(certificate.key));
  if (own !== undefined) return own;
  const embedded = signature.certificates.map(tryCertificate).filter((c) => c !== undefined);
  return embedded.find(
    (leaf) => isNamed(leaf) && signature.isSignedBy(leaf.key) && hasChain(leaf, embedded, trusted),
  );
}

/** A stranger among the certificates that we can't read does no harm. */
function tryCertificate(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}

function hasChain(
  leaf: Certificate,
  between: readonly Certificate[],
  trusted: readonly Certificate[],
): boolean {
  try {
    const anchors = { source: 'the given certificates', certificates: trusted };
    verifyChain(leaf, between, { anchors, purpose: 'code signing', time: undefined, revoked: [] });
    return true;
  } catch {
    return false;
  }
}
