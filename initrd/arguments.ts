import { MosError } from '../pkg/errors/index.ts';

/** What mos reads of the kernel command line; everything else there is not ours. */
export type KernelArguments = {
  /** `mos.disk=`: the GUID of the machine's disk, where two look alike. */
  readonly disk?: string;
};

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** /proc/cmdline to values. An unknown `mos.` argument is refused: it may have been meant to restrict. */
export function parseKernelArguments(text: string): KernelArguments {
  const found: { disk?: string } = {};
  for (const word of text
    .trim()
    .split(/\s+/)
    .filter((one) => one.startsWith('mos.'))) {
    const [name, value = ''] = word.split(/=(.*)/s);
    if (name !== 'mos.disk' || !guid.test(value))
      throw new MosError('invalid', `cannot use ${JSON.stringify(word)} of the kernel command line`);
    found.disk = value;
  }
  return found;
}
