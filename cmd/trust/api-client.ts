import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

const name = { kind: 'text', value: 'NAME', help: 'who calls: a person or a program' } as const;

export const apiClientAdd = command({
  name: 'api-client add',
  summary: 'Make a certificate to call machines with',
  description:
    'A reader looks; an operator also updates, rolls back, reboots and restarts services; an admin also pins, collects and reads the audit log.',
  arguments: { keyset, name },
  options: {
    role: {
      kind: 'choice',
      value: 'ROLE',
      choices: ['reader', 'operator', 'admin'],
      required: true,
      help: 'what they may do: reader, operator, admin',
    },
    hours: { kind: 'integer', value: 'N', default: '24', help: 'how long it is good for' },
  },
  examples: ['trust api-client add acme alice --role operator --hours 8'],
  async run({ host, args, options }) {
    const { addApiClient } = await import('../../pkg/trust/index.ts');
    return addApiClient(host, args.keyset, { name: args.name, ...options });
  },
  render: ({ name, role, notAfter, path }) => `made ${name}, ${role} until ${notAfter}, at ${path}`,
});

export const apiClientRevoke = command({
  name: 'api-client revoke',
  summary: 'Revoke a certificate before its time is over',
  description:
    'Writes api-ca/crl.pem of the keyset. On a machine it goes to config/mos/api/crl.pem, and counts from the next request on.',
  arguments: { keyset, name },
  async run({ host, args }) {
    const { revokeApiClient } = await import('../../pkg/trust/index.ts');
    return revokeApiClient(host, args.keyset, args.name);
  },
  render: ({ path, number, serials }) =>
    `wrote list ${number} with ${serials.length} ${serials.length === 1 ? 'certificate' : 'certificates'} to ${path}`,
});
