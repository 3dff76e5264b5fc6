import { command } from '../cli/command.ts';
import { renderKeyset } from '../render/keyset.ts';
import { keyset } from './arguments.ts';

export const keysetShow = command({
  name: 'keyset show',
  summary: 'Show the keys of a keyset, or the files of one of them',
  description:
    'A private key is shown only when its file is named as ITEM. With --json the value has paths and texts.',
  arguments: {
    keyset,
    key: { kind: 'text', value: 'KEY', optional: true, help: 'a key, such as uefi-db, or manifest:PROJECT' },
    item: { kind: 'text', value: 'ITEM', optional: true, help: 'one file of it, such as cert.pem' },
  },
  options: {
    path: { kind: 'flag', help: 'print paths only' },
    value: { kind: 'flag', help: 'print contents only' },
  },
  examples: ['trust keyset show --value acme manifest-ca cert.pem > manifestCA.pem'],
  async run({ host, args, options }) {
    const { showKeyset } = await import('../../pkg/trust/index.ts');
    const shown = await showKeyset(host, args.keyset, args.key, args.item);
    return { ...shown, only: options.path ? 'path' : options.value ? 'value' : undefined } as const;
  },
  render: (shown) => renderKeyset(shown, shown.only),
});
