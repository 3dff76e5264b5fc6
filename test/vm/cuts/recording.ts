import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { markCommand, Recording } from '../../helpers/disk-states.ts';
import { Machine } from '../../helpers/vm.ts';
import { askMachine, type CutMachine, contents, copyDisk } from './machine.ts';

/** The phases of a recorded life, in order, and the generations that a machine may boot after a cut in each. */
export const phases = {
  'update of a service': [1, 2],
  'the end of that': [2],
  'update of hostfs and bootkit': [2, 3],
  'reboot into it': [3],
  rollback: [3, 4],
  'reboot after that': [4],
  gc: [4],
  'the end': [4],
} as const satisfies Readonly<Record<string, readonly number[]>>;

export type Phase = keyof typeof phases;

const node = '/dev/vda';

/** The life of a machine, each request of its disk written down. `options` says how it is started. */
export async function recordLife(
  t: Pick<ExecutionContext, 'deepEqual'>,
  machine: CutMachine,
  options: (disk: string) => ConstructorParameters<typeof Machine>[0],
): Promise<Recording> {
  const { folder } = machine.kit;
  const [disk, log] = [copyDisk(machine.disk, join(folder, 'life.img')), join(folder, 'life.log')];
  const vm = new Machine({ ...options(disk), writeLog: log, reboots: true });
  await using _stopped = { [Symbol.asyncDispose]: () => vm.stop() };
  const begin = (phase: Phase) => vm.run(markCommand(phase, node));
  const isUp = async (generation: number) =>
    t.deepEqual(await askMachine(vm), { running: generation, content: contents[generation] });
  const reboot = () => vm.type('sync; echo b > /proc/sysrq-trigger');

  await isUp(1);
  // Without a boot loader nothing has ended the trial of the first entry; this brings the ESP to what the machine is.
  await vm.run('mosctl gc --quiet');
  await begin('update of a service');
  await vm.run(`mosctl update --quiet --plain-http ${machine.release(2)}`, { seconds: 600 });
  await begin('the end of that');
  await begin('update of hostfs and bootkit');
  await vm.run(`mosctl update --quiet --plain-http ${machine.release(3)}`, { seconds: 600 });
  await begin('reboot into it');
  reboot();
  await isUp(3);
  await begin('rollback');
  await vm.run('mosctl rollback --quiet --to 2');
  await begin('reboot after that');
  reboot();
  await isUp(4);
  await begin('gc');
  await vm.run('mosctl gc --quiet --keep 1');
  await begin('the end');
  await vm.run('sync');
  await vm.stop();
  return new Recording(copyDisk(machine.disk, disk), log);
}
