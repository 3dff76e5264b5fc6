import { command } from '../cli/command.ts';
import { keyset, project } from './arguments.ts';

export const ticketAdd = command({
  name: 'ticket add',
  summary: 'Sign a permission for one machine to lower its security version once',
  description:
    'The machine takes it by mosctl ticket accept, within those days and once. mosctl status there shows its floor.',
  arguments: { keyset, project },
  options: {
    serial: { kind: 'text', value: 'SERIAL', required: true, help: 'the serial of the machine' },
    from: { kind: 'integer', value: 'N', required: true, help: 'the security version it is at' },
    to: { kind: 'integer', value: 'N', required: true, help: 'the lower one it may go back to' },
    days: {
      kind: 'integer',
      value: 'N',
      default: '7',
      help: 'how many days it can be accepted, at most 3650',
    },
    output: {
      kind: 'path',
      value: 'FILE',
      required: true,
      help: 'the ticket; signature and certificate go to FILE.signed and FILE.pem',
    },
  },
  examples: ['trust ticket add acme default --serial SN0001 --from 3 --to 2 --output ticket.json'],
  async run({ host, args, options }) {
    const { addTicket } = await import('../../pkg/trust/index.ts');
    return addTicket(host, args.keyset, args.project, options);
  },
  render: ({ file, ticket }) =>
    `made ${file}: machine ${ticket.serial} may go from ${ticket.from} to ${ticket.to} until ${ticket.not_after}`,
});
