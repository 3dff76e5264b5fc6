import type { Host } from '../../pkg/host/index.ts';
import { plan, root } from '../cli/common.ts';
import { renderTicketAccepted } from '../render/ticket.ts';
import { bodyOf, remoteCommand } from './remote.ts';

const readFiles = async (host: Host, file: string) =>
  (await import('../../pkg/trust/index.ts')).readTicketFiles(host, file);

const base64 = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64');

export const ticketAccept = remoteCommand(
  {
    name: 'ticket accept',
    summary: 'Lower the floor of this machine once, as its publisher permits',
    description:
      'The ticket is made by trust ticket add for one machine and one floor. Afterwards an older generation can run again: mosctl rollback. Repeated, it ends what was interrupted. The CA of the machine alone counts, since each boot asks it again.',
    arguments: {
      file: {
        kind: 'path',
        value: 'FILE',
        help: 'the ticket; its signature and certificate lie beside it: FILE.signed, FILE.pem',
      },
    },
    options: { root, plan },
    examples: ['mosctl ticket accept ticket.json', 'mosctl rollback --to 6 --reason "9.2 loses orders"'],
    async run({ host, args, options, report, builtAt }) {
      const use = await import('../../pkg/system/index.ts');
      const evidence = await readFiles(host, args.file);
      return use.acceptTicket(host, { ...options, evidence, builtAt }, report);
    },
    render: renderTicketAccepted,
  },
  async ({ host, args, options }) => {
    const {
      bytes,
      certificates: [certificate],
      signatures: [signature],
    } = await readFiles(host, args.file);
    const evidence = {
      ticket: base64(bytes),
      certificate: base64(certificate),
      signature: base64(signature),
    };
    return { method: 'POST', path: '/v1/tickets', body: { ...evidence, ...bodyOf({ plan: options.plan }) } };
  },
);
