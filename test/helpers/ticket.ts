import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addNote, lockState, moveRoles, openState, readRoles } from '../../pkg/state/index.ts';
import { raiseMachineFloor } from '../../pkg/system/floor.ts';
import { openMachine } from '../../pkg/system/machine.ts';
import { addSudi, addTicket } from '../../pkg/trust/index.ts';
import type { Vendor } from './vendor.ts';

/** Makes the identity of a machine and puts it where the machine has it. */
export async function identify(vendor: Vendor, root: string, serial = 'SN0001'): Promise<void> {
  const { path } = await addSudi(linuxHost, vendor.keyset, 'default', serial, { folder: vendor.keys });
  const secure = join(root, 'factory/secure');
  copyFileSync(join(path, 'cert.pem'), join(secure, 'server.crt'));
  copyFileSync(join(path, 'privkey.pem'), join(secure, 'server.key'));
  copyFileSync(join(vendor.keys, vendor.keyset, 'sudi-ca/cert.pem'), join(secure, 'sudiCA.pem'));
}

export type AskedTicket = {
  readonly serial?: string;
  readonly project?: string;
  readonly keyset?: string;
  readonly name?: string;
};

/** What `trust ticket add` makes; returns the file. */
export async function makeTicket(
  vendor: Pick<Vendor, 'folder' | 'keys' | 'keyset'>,
  from: number,
  to: number,
  { serial = 'SN0001', project = 'default', keyset = vendor.keyset, name = 'ticket' }: AskedTicket = {},
): Promise<string> {
  const output = join(vendor.folder, `${name}.json`);
  const request = { serial, from, to, days: 7, output };
  await addTicket(linuxHost, keyset, project, request, { folder: vendor.keys });
  return output;
}

/** What `mosctl boot` writes once every target of a generation came up. */
export async function markGood(root: string, number: number, securityVersion: number): Promise<void> {
  const machine = await openMachine(linuxHost, root);
  const state = openState(join(root, 'config'));
  await using lock = await lockState(linuxHost, state, { owner: 'test', wait: 0 });
  const { current, good } = await readRoles(linuxHost, state);
  if (current === undefined) throw new Error('nothing runs');
  await addNote(linuxHost, lock, current, { kind: 'good', reason: 'every target came up' });
  await moveRoles(linuxHost, lock, [{ role: 'good', from: good, to: current }]);
  await raiseMachineFloor(linuxHost, machine, lock, { number, securityVersion });
}
