import { MosError } from '../errors/index.ts';

const magicAt = 0x202;
const versionAt = 0x20e;
const setup = 0x200;

/** The release in a kernel's setup header (Documentation/arch/x86/boot.rst, "kernel_version"): `6.1.0-32-cloud-amd64`. */
export function parseKernelRelease(kernel: Uint8Array): string {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const isKernel = bytes.length > setup + 0x100 && bytes.toString('latin1', magicAt, magicAt + 4) === 'HdrS';
  const at = isKernel ? bytes.readUInt16LE(versionAt) + setup : bytes.length;
  const release = bytes.toString('latin1', at, bytes.indexOf(0, at)).split(' ')[0] ?? '';
  if (/^\d+\.\d+[\w.+~-]*$/.test(release)) return release;
  throw new MosError('invalid', 'cannot read the release of the kernel: it is no bzImage');
}
