import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Product, parseProduct } from '../manifest/index.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';
import { type RecordFile, readRecord, writeRecord } from './records.ts';
import type { Known } from './release.ts';

/** What the machine is, and who said so (DESIGN "Trust" 2). */
export const productOrigins = ['sudi', 'option', 'first install'] as const;
export type MachineProduct = {
  readonly product: Product;
  readonly origin: (typeof productOrigins)[number];
};

const productFile: RecordFile<MachineProduct> = {
  name: 'product.json',
  parse: ({ product, origin }) => {
    const known = productOrigins.find((one) => one === origin);
    if (known === undefined || typeof product !== 'string') return undefined;
    try {
      return { product: parseProduct(product), origin: known };
    } catch {
      return undefined;
    }
  },
  render: ({ product, origin }) => ({ product, origin }),
};

/**
 * undefined where no install has fixed it. Where a generation exists and this is undefined, the file was lost: take the
 * product of the verified manifests that run, and record it again.
 */
export async function readProduct(host: Host, state: State): Promise<Known<MachineProduct | undefined>> {
  const record = await readRecord(host, state, productFile);
  if (record.kind === 'there') return { value: record.value };
  return { value: undefined, ...(record.kind === 'unreadable' ? { problem: record.problem } : {}) };
}

/** Fixes the product. It never changes: another one is refused. */
export async function recordProduct(host: Host, lock: StateLock, product: MachineProduct): Promise<void> {
  const { value } = await readProduct(host, lock.state);
  if (value?.product === product.product) return;
  if (value !== undefined)
    throw new MosError(
      'state',
      `cannot make this machine a ${product.product}: it is a ${value.product} (from ${value.origin})`,
    );
  await writeRecord(host, lock, productFile, product);
}
