import { Secret } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { plan } from '../cli/common.ts';
import { renderProvisioned } from '../render/provisioned.ts';

const policies = {
  kind: 'path',
  value: 'DIR',
  default: '/factory/secure/pcr7data',
  help: 'the signed policies: pcr7data of the keyset, as boot files bring it',
} as const;

export const provision = command({
  name: 'provision',
  summary: 'Make a machine of this computer: its identity and secrets go into the TPM',
  description:
    'Checks first that the certificate is of the SUDI CA and the key its own, that the firmware is one that policies were signed for, and that nobody owns the TPM. Then seals certificate, key and passphrases for disks to the production boot file, begins the counter of the floor, makes the attestation key, and sets an owner password, which the TPM gives to a boot file of uki-tpm alone. The passphrase for disks stays in memory (/run/mos/disk-passphrase) for an install of this boot. Running it again after it was interrupted ends it.',
  arguments: {
    certificate: { kind: 'path', value: 'CERT', help: 'the identity certificate: trust sudi add' },
    key: { kind: 'path', value: 'KEY', help: 'its private key' },
  },
  options: {
    ca: { kind: 'path', value: 'FILE', help: 'the SUDI CA (PEM) [/factory/secure/sudiCA.pem]' },
    policies,
    plan,
    again: {
      kind: 'flag',
      help: 'a machine that was provisioned: make its secrets anew; its admin password is read from stdin',
    },
  },
  examples: ['mosctl provision --ca sudi-ca.pem --policies pcr7data cert.pem privkey.pem'],
  async run({ host, args, options, report, builtAt, readStdin }) {
    const use = await import('../../pkg/system/index.ts');
    const { ca, policies: folder, plan: planOnly } = options;
    const again = options.again ? { password: new Secret(await readStdin()) } : undefined;
    const time = { now: host.clock.now(), builtAt };
    const result = await use.provision(
      host,
      { ...args, ca, policies: folder, planOnly, again, time, passphraseFile: use.passphraseForInstall },
      report,
    );
    return { ...result, planOnly };
  },
  render: ({ planOnly, ...provisioned }) =>
    planOnly
      ? [
          `would make this the machine ${provisioned.serial} of product ${provisioned.product}:`,
          ...provisioned.steps.map((step) => `  ${step}`),
        ].join('\n')
      : renderProvisioned(provisioned),
});
