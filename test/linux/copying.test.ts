import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';

/** All that a tree has, owners as they are. */
const listing = (folder: string): string =>
  execFileSync(
    'bash',
    [
      '-c',
      `find . -printf '%P %y %m @%U:%G %n %l %Ts %s\\n' | grep -v ' d ' | sort
       find . -type d -printf '%P %m @%U:%G %Ts\\n' | sort
       getfattr -Rhd -m - . | sort; find . -type f -links 2 -printf '%f '; stat -c '%t:%T %F' device whiteout; cat file`,
    ],
    { cwd: folder, encoding: 'utf8' },
  );

test('a tree is copied with everything that a file can have, for other ids', async (t) => {
  const folder = await scratchFolder(t);
  const from = `${folder}/from`;
  mkdirSync(`${from}/deep/er`, { recursive: true });
  writeFileSync(`${from}/file`, 'text\n');
  writeFileSync(Buffer.concat([Buffer.from(`${from}/deep/not utf-8 `), Buffer.from([0xff])]), '');
  const make = `ln file deep/same; ln -s ../nowhere deep/link; mknod device b 8 1; mknod whiteout c 0 0; mkfifo pipe
    cp /bin/true program; chown 5:7 program; chmod 6755 program; setcap cap_net_raw+ep program
    setfattr -n user.a -v x file; setfattr -n trusted.overlay.opaque -v y deep; setfattr -h -n trusted.t -v z deep/link
    chown -h 33:34 deep/link; chown 70000:70000 deep/er; chmod 1777 deep; touch -hd '2001-02-03 04:05:06 UTC' deep/link file deep`;
  execFileSync('bash', ['-ec', make], { cwd: from });
  await host.files.copyTree(from, `${folder}/to`, { start: 100_000, count: 65_536 });
  const shifted = listing(from).replaceAll(
    / @(\d+):(\d+)/g,
    (_, uid, gid) => ` @${shift(uid)}:${shift(gid)}`,
  );
  t.is(listing(`${folder}/to`), shifted);
});

const shift = (id: string): number => (Number(id) < 65_536 ? Number(id) + 100_000 : 65_534);

test('a file that cannot be read to its end is not copied', async (t) => {
  const folder = await scratchFolder(t);
  const [image, from] = [`${folder}/image`, `${folder}/from`];
  mkdirSync(`${folder}/tree`);
  mkdirSync(from);
  // Text that does not compress well, so that most bytes of the image are of blocks that can be damaged.
  const lines = Array.from({ length: 32_768 }, (_, index) => hash('sha256', String(index)));
  writeFileSync(`${folder}/tree/big`, lines.join(''));
  execFileSync('mksquashfs', [`${folder}/tree`, image, '-comp', 'zstd', '-quiet', '-no-progress']);
  const bytes = readFileSync(image);
  // So much that a block of 128 KiB begins in it, which is none then.
  bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 200_000);
  writeFileSync(image, bytes);
  execFileSync('mount', ['-o', 'loop,ro', image, from]);
  t.teardown(() => execFileSync('umount', [from]));
  const copy = host.files.copyTree(from, `${folder}/to`, { start: 100_000, count: 65_536 });
  await t.throwsAsync(copy, { message: `cannot copy ${from} to ${folder}/to: input/output error` });
});
