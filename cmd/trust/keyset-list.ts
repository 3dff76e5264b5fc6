import { command } from '../cli/command.ts';

export const keysetList = command({
  name: 'keyset list',
  summary: 'List the keysets',
  async run({ host }) {
    const { listKeysets } = await import('../../pkg/trust/index.ts');
    return listKeysets(host);
  },
  render: (names) => names.join('\n'),
});
