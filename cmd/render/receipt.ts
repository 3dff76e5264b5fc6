import type { ReceiptContent } from '../../pkg/system/index.ts';
import { shortDigest } from './changes.ts';
import { renderTime } from './history.ts';

/** Who says it, then each image and what it replaced. */
export const renderReceipt = (receipt: ReceiptContent): string =>
  [
    `machine ${receipt.serial} of product ${receipt.product}: generation ${receipt.generation}, ${receipt.verdict ?? 'not judged yet'}`,
    `  made ${renderTime(receipt.madeAt)}, said ${renderTime(receipt.issuedAt)}${receipt.reason === null ? '' : `: ${receipt.reason}`}`,
    ...Object.entries(receipt.after).map(
      ([name, digest]) => `  ${name} ${imageLine(receipt.before[name], digest)}`,
    ),
    ...Object.keys(receipt.before)
      .filter((name) => !(name in receipt.after))
      .map((name) => `  ${name} removed`),
    ...(receipt.tpm ? [`  its TPM says so too, with PCR 7 = ${receipt.tpm.pcrs['7'] ?? 'not told'}`] : []),
  ].join('\n');

const imageLine = (before: string | undefined, after: string): string => {
  if (before === after) return `${shortDigest(after)}, unchanged`;
  return before === undefined
    ? `${shortDigest(after)}, new`
    : `${shortDigest(after)}, was ${shortDigest(before)}`;
};
