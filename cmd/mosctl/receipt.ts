import { command } from '../cli/command.ts';
import { root } from '../cli/common.ts';
import { renderReceipt } from '../render/receipt.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

export const receiptShow = remoteCommand(
  {
    name: 'receipt show',
    summary: 'Print what the machine signs of a generation: which images, since when, how it went',
    description:
      'A DSSE envelope of an in-toto statement, signed by the identity key of the machine (factory/secure/server.key); a machine without one makes none. Where the machine was provisioned its TPM quotes PCRs 0, 2, 4, 7 and 11 about it.',
    arguments: {
      generation: { kind: 'integer', value: 'N', optional: true, help: 'the generation; default the newest' },
    },
    options: { root, ca },
    examples: ['mosctl receipt show > receipt.json'],
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.makeReceipt(host, { ...options, generation: args.generation });
    },
    render: ({ envelope }) => envelope.trimEnd(),
  },
  ({ args: { generation } }) => ({ method: 'GET', path: '/v1/receipts', query: { generation, most: 1 } }),
  async (answer) => ({ envelope: (answer as readonly { envelope: string }[])[0]?.envelope ?? '' }),
);

export const receiptVerify = command({
  name: 'receipt verify',
  summary: 'Verify a receipt, on any computer, and print what it says',
  arguments: { file: { kind: 'path', value: 'FILE', help: 'the receipt' } },
  options: {
    ca: { kind: 'path', value: 'FILE', required: true, help: 'the SUDI CA of the vendor (PEM)' },
    attestationKey: {
      kind: 'path',
      value: 'FILE',
      help: 'the key (PEM) that mosctl provision printed: the receipt must come from that TPM',
    },
  },
  examples: ['mosctl receipt verify --ca sudi-ca.pem receipt.json'],
  async run({ host, args, options }) {
    const use = await import('../../pkg/system/index.ts');
    return use.verifyReceipt(host, { file: args.file, ...options });
  },
  render: renderReceipt,
});
