import { command } from '../cli/command.ts';
import { keyset, project } from './arguments.ts';

export const projectRevoke = command({
  name: 'project revoke',
  summary: 'Revoke the certificate of a project',
  description:
    'Writes manifest-ca/crl.pem of the keyset, which is published beside each manifest from then on. Machines that have seen it refuse what the certificate signed. Make a further key with trust project add --product UUID first.',
  arguments: { keyset, project },
  async run({ host, args }) {
    const { revokeProject } = await import('../../pkg/trust/index.ts');
    return revokeProject(host, args.keyset, args.project);
  },
  render: ({ path, number, serials }) =>
    `wrote list ${number} with ${serials.length} ${serials.length === 1 ? 'certificate' : 'certificates'} to ${path}`,
});
