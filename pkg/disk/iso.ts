import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

const sysBlock = '/sys/block';
/** What is made of other devices, and so no medium of its own; optical drives (sr) count here. */
const virtual = /^(loop|ram|dm-|zram|md|fd)/;

/** ECMA-119, 8.4: the primary volume descriptor, in the 17th sector. */
const descriptorAt = 16 * 2048;
const descriptorSize = 2048;
const primary = 1;
const identifier = { at: 1, text: 'CD001' };
const label = { at: 40, length: 32 };

/** The label of an ISO 9660 file system, by its first volume descriptor; undefined where that is none. */
export function parseIsoLabel(descriptor: Uint8Array): string | undefined {
  const bytes = Buffer.from(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength);
  const text = (at: number, length: number): string => bytes.toString('latin1', at, at + length);
  if (bytes.length < descriptorSize || bytes[0] !== primary) return undefined;
  if (text(identifier.at, identifier.text.length) !== identifier.text) return undefined;
  return text(label.at, label.length).trimEnd();
}

/** The devices (`/dev/sr0`, `/dev/vdb`) with an ISO 9660 file system of this label, disks and optical drives alike. */
export async function findIsoVolumes(host: Host, wanted: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await host.files.list(sysBlock)).sort()) {
    if (virtual.test(name)) continue;
    const descriptor = await readDescriptor(host, `/dev/${name}`);
    if (descriptor !== undefined && parseIsoLabel(descriptor) === wanted) found.push(`/dev/${name}`);
  }
  return found;
}

/** undefined of what can't be read: a drive without a disc, a disk that is too small. */
async function readDescriptor(host: Host, device: string): Promise<Uint8Array | undefined> {
  const descriptor = new Uint8Array(descriptorSize);
  try {
    await using file = await host.files.open(device);
    return (await file.read(descriptor, descriptorAt)) === descriptorSize ? descriptor : undefined;
  } catch (error) {
    if (error instanceof MosError) return undefined;
    throw error;
  }
}
