import { randomBytes } from 'node:crypto';
import type { Host } from '../../host/index.ts';
import { daysAfter } from '../days.ts';
import type { Evidence } from '../document.ts';
import { parseTicket, renderTicket, type Ticket } from '../ticket.ts';
import type { KeysOptions } from './folder.ts';
import { openSigner } from './signer.ts';

export type TicketRequest = {
  /** Of the machine that may lower its floor once. */
  readonly serial: string;
  readonly from: number;
  readonly to: number;
  /** How many days it can be accepted. */
  readonly days: number;
  /** The file; the signature goes to `.signed` and the certificate to `.pem` beside it. */
  readonly output: string;
};

export type AddedTicket = { readonly file: string; readonly ticket: Ticket };

/** Makes and signs a ticket. The file itself comes last; none of the three is overwritten. */
export async function addTicket(
  host: Host,
  keyset: string,
  project: string,
  request: TicketRequest,
  options: KeysOptions = {},
): Promise<AddedTicket> {
  const signer = await openSigner(host, keyset, project, options);
  const ticket: Ticket = {
    version: 1,
    product: signer.product,
    serial: request.serial,
    from: request.from,
    to: request.to,
    nonce: randomBytes(16).toString('hex'),
    not_after: daysAfter(host.clock.now(), request.days),
  };
  const bytes = new TextEncoder().encode(renderTicket(ticket));
  parseTicket(bytes, 'this'); // what the machine would refuse isn't made
  const { output } = request;
  await writeNew(host, `${output}.signed`, await signer.sign(bytes));
  await writeNew(host, `${output}.pem`, signer.certificate);
  await writeNew(host, output, bytes);
  return { file: output, ticket };
}

async function writeNew(host: Host, path: string, bytes: Uint8Array): Promise<void> {
  await using file = await host.files.create(path);
  await file.write(bytes);
  await file.sync();
}

/** The three files that `addTicket` made, to be verified. */
export const readTicketFiles = async (host: Host, file: string): Promise<Evidence> => ({
  name: file,
  bytes: await host.files.read(file),
  certificates: [await host.files.read(`${file}.pem`)],
  signatures: [await host.files.read(`${file}.signed`)],
});
