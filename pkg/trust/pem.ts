import { MosError } from '../errors/index.ts';

const certificateLabel = 'CERTIFICATE';

/** RFC 7468: the blocks of one label, in their order; text between blocks is allowed and ignored. */
export function parsePem(bytes: Uint8Array, label: string): Uint8Array[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    const start = at + begin.length;
    const stop = text.indexOf(end, start);
    if (stop < 0) throw new MosError('invalid', `cannot read PEM: a ${label} block has no end`);
    blocks.push(parseBase64(text.slice(start, stop), label));
    at = stop + end.length;
  }
  return blocks;
}

function parseBase64(text: string, label: string): Uint8Array {
  const compact = text.replaceAll(/[\r\n\t ]/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 !== 0)
    throw new MosError('invalid', `cannot read PEM: a ${label} block is not base64`);
  return Buffer.from(compact, 'base64');
}

export const parseCertificatePem = (bytes: Uint8Array): Uint8Array[] => parsePem(bytes, certificateLabel);

/** Lines of 64 characters, as openssl writes them. */
export function renderPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
