import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';

export const initrdSetup = command({
  name: 'initrd-setup',
  summary: 'Take the identity of a provisioned machine out of its TPM, and close the TPM',
  description:
    'For an initrd that is not ours: ours does it by itself. Certificate and key go to /factory/secure, in memory only. Whatever comes of it, PCR 7 is extended: nothing gets a secret of the TPM until the next boot.',
  async run({ host }) {
    const { releaseSecrets } = await import('../../pkg/system/index.ts');
    const { fillSecureFolder, secureFolder } = await import('../../initrd/secrets.ts');
    const { inInitrd } = await import('../../initrd/contents.ts');
    const release = await releaseSecrets(host, `/${inInitrd.policies}`);
    if (release.kind !== 'released')
      throw new MosError(
        'denied',
        `cannot set up this boot: ${release.kind === 'withheld' ? release.why : `the machine has ${release.kind === 'no TPM' ? 'no TPM' : 'nothing in its TPM'}`}`,
      );
    await fillSecureFolder(host, release);
    return { folder: secureFolder };
  },
  render: ({ folder }) => `the identity of this machine is in ${folder}`,
});
