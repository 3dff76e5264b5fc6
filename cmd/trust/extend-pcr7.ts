import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';

export const extendPcr7 = command({
  name: 'extend-pcr7',
  summary: 'Extend PCR 7 of the TPM, so that nothing gets a secret of it until the next boot',
  async run({ host }) {
    const { closeSecrets } = await import('../../pkg/system/index.ts');
    if (await closeSecrets(host)) return { extended: true };
    throw new MosError('unsupported', 'cannot extend PCR 7: this machine has no TPM');
  },
  render: () => 'extended PCR 7',
});
