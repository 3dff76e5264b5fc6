import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type MachineOptions = {
  /** Started without firmware; else `firmware` names the arguments for one, which finds its boot file on the disk. */
  readonly kernel?: string;
  readonly initrd?: string;
  readonly firmware?: readonly string[];
  readonly disk: string;
  /** What the disk is connected by, unless by virtio: the arguments for QEMU, for the drive `disk`. */
  readonly bus?: readonly string[];
  /** Arguments for QEMU in place of a network card with DHCP and the way to the host. */
  readonly network?: readonly string[];
  /** Added to the kernel command line. */
  readonly append?: readonly string[];
  /** What the machine writes to its disk is forgotten when it ends. */
  readonly snapshot?: boolean;
  /** The machine comes up again after a reboot; without it a reboot ends it. */
  readonly reboots?: boolean;
  readonly mebibytes?: number;
  /** A file that gets each write and each flush of the disk, for `readWriteLog`. */
  readonly writeLog?: string;
  /** More arguments for QEMU. */
  readonly qemu?: readonly string[];
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the terminal's own sequences
const decoration = /\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r/g;

/** Long enough for an emulated machine on a busy one; it is there to end what hangs, not to measure. */
const patience = 300;

/**
 * An emulated processor may lose the interrupt of a timer, and then the kernel waits for good in a driver (seen in one of some
 * hundred starts). A kernel started without firmware that has run nothing of ours after this time, 3 to 30 s on a busy host, is started again.
 */
const secondsToInit = 60;
const starts = 3;

/** A machine in QEMU whose serial console is read and typed on; `console.log` beside its disk has all of it. The host's loopback is 10.0.2.2 in it. */
export class Machine {
  #qemu: ChildProcess;
  readonly #start: () => ChildProcess;
  #raw = '';
  /** Up to where earlier waits have read the console. */
  #read = 0;
  #wake = () => {};
  #hasEnded = false;
  #isStopped = false;
  /** Settles when QEMU has ended, however that came. */
  readonly ended: Promise<void>;

  constructor(options: MachineOptions) {
    const log = createWriteStream(`${dirname(options.disk)}/console.log`, { flags: 'a' });
    const hear = (chunk: Buffer) => {
      log.write(chunk);
      this.#raw += chunk.toString('latin1');
      this.#wake();
    };
    this.#start = () => {
      const qemu = spawn('qemu-system-x86_64', qemuArguments(options));
      qemu.stdout?.on('data', hear);
      qemu.stderr?.on('data', hear);
      qemu.stdin?.on('error', () => {}); // the machine ended while we typed: the next wait says so
      return qemu;
    };
    this.#qemu = this.#start();
    this.ended = this.#live(options.firmware === undefined ? starts : 1).then(() => {
      this.#hasEnded = true;
      log.end();
      this.#wake();
    });
  }

  /** Settles when the machine has ended, after it was started again where its kernel stood still: it had done nothing by then. */
  async #live(left: number): Promise<void> {
    const qemu = this.#qemu;
    let isStuck = false;
    const late = setTimeout(() => {
      isStuck = left > 1 && !this.#raw.includes('Run /init');
      if (isStuck) qemu.kill('SIGKILL');
    }, secondsToInit * 1000);
    await once(qemu, 'close');
    clearTimeout(late);
    if (!isStuck || this.#isStopped) return;
    this.#raw += '\n[the kernel stood still: started again]\n';
    this.#qemu = this.#start();
    return this.#live(left - 1);
  }

  /** All that the machine said, without colours. */
  get console(): string {
    return this.#raw.replace(decoration, '');
  }

  /** Memory that QEMU has taken by now: its own, and what the machine has touched. */
  get mebibytes(): number {
    const status = readFileSync(`/proc/${this.#qemu.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** Waits until the text stands on the console behind what earlier waits have read; returns all up to it. */
  async waitFor(text: RegExp, why: string, seconds = patience): Promise<string> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const unread = this.console.slice(this.#read);
      const found = text.exec(unread);
      if (found) {
        const upTo = unread.slice(0, found.index + found[0].length);
        this.#read += upTo.length;
        return upTo;
      }
      const left = deadline - performance.now();
      if (this.#hasEnded || left <= 0)
        throw new Error(
          `${this.#hasEnded ? 'the machine ended' : `${seconds} s went by`} before ${why}; it said:\n${unread.slice(-4000)}`,
        );
      await this.#change(left);
    }
  }

  async #change(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  type(line: string): void {
    this.#qemu.stdin?.write(`${line}\n`);
  }

  /** Waits for the login prompt and logs root in, with a shell that says nothing of its own. */
  async login(password: string, seconds = patience): Promise<void> {
    await this.waitFor(/ login: $/, 'the login prompt', seconds);
    this.type('root');
    await this.waitFor(/Password: $/, 'the question for the password');
    this.type(password);
    await this.waitFor(/# $/, 'a shell');
    this.type(
      'dmesg -n 1; stty -echo; exec env PAGER=cat SYSTEMD_PAGER=cat PS1= PS2= bash --norc --noediting',
    );
    this.type('echo shell-$((40 + 2))');
    await this.waitFor(/shell-42\n/, 'a quiet shell');
  }

  /** Runs a line of shell; a code other than 0 is an error unless it is accepted. */
  async run(
    line: string,
    options: { seconds?: number | undefined; accept?: readonly number[] } = {},
  ): Promise<string> {
    this.type(`{ ${line}\n} 2>&1; echo "@exit $?@"`);
    const said = await this.waitFor(/@exit \d+@\n/, `the end of ${line}`, options.seconds);
    const [output = '', code] = said.split(/@exit (\d+)@\n$/);
    if (code !== '0' && !options.accept?.includes(Number(code)))
      throw new Error(`${line} ended with ${code}:\n${output}`);
    return output;
  }

  /** The machine switches itself off, or reboots where that ends it. */
  async waitForEnd(seconds = patience): Promise<void> {
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      void this.stop();
    }, seconds * 1000);
    await this.ended;
    clearTimeout(late);
    if (isLate)
      throw new Error(
        `${seconds} s went by before the machine ended; it said:\n${this.console.slice(-4000)}`,
      );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#qemu.kill('SIGKILL');
    await this.ended;
  }
}

/**
 * Of kernels that are emulated. Their check whether a timer works takes real time: on a busy host it may find no tick in it,
 * and then they panic.
 */
export const commandLine = 'console=ttyS0 panic=-1 no_timer_check';

const kernelArguments = ({ kernel = '', initrd = '', append = [] }: MachineOptions): string[] => [
  ...['-machine', 'pc', '-smp', '1', '-kernel', kernel, '-initrd', initrd],
  ...['-append', [commandLine, ...append].join(' ')],
];

/** /dev/kvm of a nested machine may hang its guests, so the processor is always emulated. */
export function qemuArguments(options: MachineOptions, serial = 'stdio'): string[] {
  const { disk, snapshot = false, reboots = false, mebibytes = 2048 } = options;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', serial],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', `${mebibytes}`],
    ...(options.firmware ?? kernelArguments(options)),
    ...(options.writeLog === undefined
      ? diskArguments(disk, `cache=unsafe,snapshot=${snapshot ? 'on' : 'off'}`, options.bus)
      : loggedDisk(disk, options.writeLog)),
    ...(options.network ?? ['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net']),
    ...['-device', 'virtio-rng-pci'],
    ...(reboots ? [] : ['-no-reboot']),
    ...(options.qemu ?? []),
  ];
}

const diskArguments = (file: string, how: string, bus?: readonly string[]): string[] => [
  ...['-drive', `file=${file},if=${bus === undefined ? 'virtio' : 'none'},id=disk,format=raw,${how}`],
  ...(bus ?? []),
];

/** How disks of machines that one can touch are connected. */
export const buses = {
  ahci: ['-device', 'ich9-ahci,id=ahci', '-device', 'ide-hd,drive=disk,bus=ahci.0'],
  nvme: ['-device', 'nvme,drive=disk,serial=mos'],
} as const;

/**
 * A disk whose every request is written down, in the order in which they were done. It takes no requests to write zeroes:
 * QEMU up to 8.2 puts other entries in the middle of theirs.
 */
export function loggedDisk(disk: string, log: string): string[] {
  writeFileSync(log, '');
  const file = (place: string, name: string) => `${place}.driver=file,${place}.filename=${name}`;
  return [
    '-blockdev',
    `driver=blklogwrites,node-name=logged,${file('file', disk)},file.cache.no-flush=on,${file('log', log)},log.cache.no-flush=on,log-sector-size=512`,
    ...['-device', 'virtio-blk-pci,drive=logged,write-cache=on,discard=off,write-zeroes=off'],
  ];
}
