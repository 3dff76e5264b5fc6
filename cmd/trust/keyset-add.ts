import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

export const keysetAdd = command({
  name: 'keyset add',
  summary: 'Make all keys and certificates of a new vendor, with a first project',
  description:
    'Keysets are kept in $XDG_DATA_HOME/machine/trust/keys, or ~/.local/share/machine/trust/keys. The first project is called "default".',
  arguments: { keyset },
  options: {
    org: {
      kind: 'list',
      value: 'NAME',
      aliases: ['Org', 'organization'],
      help: 'the organization in the certificates (repeatable)',
    },
    keyType: {
      kind: 'choice',
      value: 'TYPE',
      choices: ['rsa', 'ecdsa', 'ed25519'],
      default: 'rsa',
      help: 'what signs manifests and machines: rsa, ecdsa or ed25519; keys for firmware and TPM are rsa always',
    },
  },
  examples: ['trust keyset add --org "Acme Ltd" acme'],
  async run({ host, args, options }) {
    const { addKeyset } = await import('../../pkg/trust/index.ts');
    return addKeyset(host, args.keyset, { organizations: options.org, keyType: options.keyType });
  },
  render: ({ keyset: name, path, project }) =>
    `made the keyset ${name} at ${path}\nfirst project ${name}:${project.project}, product ${project.product}`,
});
