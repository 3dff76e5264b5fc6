import { MosError } from '../../errors/index.ts';
import { type Host, writeAtomic } from '../../host/index.ts';
import { parseAnchors } from '../anchors.ts';
import { parseCertificatePem } from '../pem.ts';
import { type VerifiedEfi, verifyEfiBytes } from './verify.ts';
import { type ImageSigner, parseSigningKey, signImage } from './write.ts';

export type EfiKey = { readonly key: string; readonly certificate: string };

/** Signs an EFI file, and believes the result only when our own verification does. `output` is replaced, or untouched. */
export async function signEfi(
  host: Host,
  file: string,
  output: string,
  { key, certificate }: EfiKey,
): Promise<VerifiedEfi> {
  for (const path of [file, key, certificate])
    if ((await host.files.stat(path)) === undefined)
      throw new MosError('not-found', `cannot sign ${file}: there is no ${path}`);
  const [image, pem, chain] = await Promise.all(
    [file, key, certificate].map((path) => host.files.read(path)),
  );
  if (image === undefined || pem === undefined || chain === undefined)
    throw new Error('three files were read');
  const [leaf] = parseCertificatePem(chain);
  if (leaf === undefined)
    throw new MosError('invalid', `cannot sign ${file}: ${certificate} holds no certificate`);
  const signed = signNamed(image, file, { key: parseSigningKey(pem, key), certificate: leaf });
  const { certificates } = parseAnchors(chain, certificate, 'certificate of the signer');
  const verified = verifyEfiBytes(signed, file, certificates);
  await writeAtomic(host, output, signed);
  return { ...verified, file: output };
}

/** What is wrong with the image is told with its name. */
function signNamed(image: Uint8Array, file: string, signer: ImageSigner): Uint8Array {
  try {
    return signImage(image, signer);
  } catch (error) {
    if (!(error instanceof MosError)) throw error;
    throw new MosError(error.code, `cannot sign ${file}: ${error.message}`, { cause: error });
  }
}
