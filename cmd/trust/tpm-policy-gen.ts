import { command } from '../cli/command.ts';

export const tpmPolicyGen = command({
  name: 'tpm-policy-gen',
  summary: 'Compute the policies by which a TPM releases the secrets of a machine',
  description:
    'One for disks, while a boot file of uki-production runs and the policy version in the TPM is the given one; one for the admin password, while one of uki-tpm runs. A value of PCR 7 is a file of 32 bytes or 64 hexadecimal digits; trust computePCR7 computes them. `trust keyset pcr7data` signs the policies.',
  options: {
    pcr7Production: {
      kind: 'path',
      value: 'FILE',
      required: true,
      help: 'PCR 7 under the key uki-production',
    },
    pcr7Tpm: { kind: 'path', value: 'FILE', required: true, help: 'PCR 7 under the key uki-tpm' },
    luksPolicyFile: {
      kind: 'path',
      value: 'FILE',
      aliases: ['lf'],
      default: 'luks_policy.out',
      help: 'where the policy for disks goes',
    },
    passwdPolicyFile: {
      kind: 'path',
      value: 'FILE',
      aliases: ['pf'],
      default: 'passwd_policy.out',
      help: 'where the policy for the admin password goes',
    },
    policyVersion: {
      kind: 'text',
      value: 'NNNN',
      aliases: ['pv'],
      default: '0001',
      help: 'what the index 0x1500020 of the TPM must say',
    },
  },
  async run({ host, options }) {
    const use = await import('../../pkg/trust/index.ts');
    return use.generatePolicies(host, {
      production: options.pcr7Production,
      tpm: options.pcr7Tpm,
      version: options.policyVersion,
      luks: options.luksPolicyFile,
      password: options.passwdPolicyFile,
    });
  },
  render: ({ luks, password, version }) => `wrote ${password} and ${luks}, policy version ${version}`,
});
