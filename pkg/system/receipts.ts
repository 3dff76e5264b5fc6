import type { Host } from '../host/index.ts';
import { listGenerations } from '../state/index.ts';
import { openMachine } from './machine.ts';
import { makeReceipt } from './receipt.ts';

export type ReceiptsOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** That one alone. */
  readonly generation?: number | undefined;
  readonly most?: number | undefined;
};

/** What the machine signs of a generation; the text is what is verified elsewhere. */
export type MadeReceipt = { readonly generation: number; readonly envelope: string };

const usualCount = 10;

/** Receipts of the newest generations, newest first, each made now. */
export async function listReceipts(
  host: Host,
  { root, ca, generation, most = usualCount }: ReceiptsOptions,
): Promise<readonly MadeReceipt[]> {
  const make = async (number: number): Promise<MadeReceipt> => ({
    generation: number,
    ...(await makeReceipt(host, { root, ca, generation: number })),
  });
  if (generation !== undefined) return [await make(generation)];
  const { state } = await openMachine(host, root);
  const receipts: MadeReceipt[] = [];
  for (const { number } of await listGenerations(host, state, { most })) receipts.push(await make(number));
  return receipts;
}
