import { command } from '../cli/command.ts';
import { plan, root } from '../cli/common.ts';
import { renderTicketAccepted } from '../render/ticket.ts';

export const ticketAccept = command({
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
    return use.acceptTicket(host, { ...options, file: args.file, builtAt }, report);
  },
  render: renderTicketAccepted,
});
