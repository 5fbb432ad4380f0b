/**
 * The disk whose power is cut: file systems in image files, one inside the other, in a temporary folder.
 *
 *   shelf.img   XFS, because it copies a file in one moment (reflink)
 *     disk.img  ext4: what is in this file has left the system's cache. A cut is a copy of it.
 *       drive.img   (with a drive cache) ext4 on ext4: what was written to it and not flushed is lost with the cut too
 *
 * A copy is mounted like a disk after the power came back: ext4 recovers by its journal. Only what was made here is
 * mounted and unmounted; each mount makes its loop device and takes it along when it goes.
 */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { command } from "./command.ts";

const mebibyte = 1024 * 1024;

/** Sparse files: they take what is written to them. */
const sizes = { shelf: 4096 * mebibyte, disk: 1024 * mebibyte, drive: 768 * mebibyte } as const;

/** An unmount is refused while a process that has just ended still lets go of its files. */
const unmountAttempts = 50;

export class Images {
  readonly #folder: string;
  readonly #driveCache: boolean;
  /** Folders that something is mounted on, in the order of mounting. */
  readonly #mounted: string[] = [];

  private constructor(folder: string, driveCache: boolean) {
    this.#folder = folder;
    this.#driveCache = driveCache;
  }

  /** @param folder an existing folder, used for nothing else */
  static async make(folder: string, driveCache: boolean): Promise<Images> {
    const images = new Images(folder, driveCache);
    try {
      await images.#make();
      return images;
    } catch (error) {
      await images.dispose();
      throw error;
    }
  }

  /** Where the writer writes. */
  get live(): string {
    return this.#at(this.#driveCache ? "live-drive" : "live");
  }

  /** Cuts the power: from here on the copy is all that there is, until the next cut. */
  async cut(): Promise<void> {
    await command("cp", "--reflink=always", this.#at("shelf/disk.img"), this.#at("shelf/cut.img"));
  }

  /** Brings the power back, works in the folder with what the cut left, and takes the copy away again. */
  async revive<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const before = this.#mounted.length;
    try {
      await this.#mountDisk(this.#at("shelf/cut.img"), "cut");
      return await work(this.#at(this.#driveCache ? "cut-drive" : "cut"));
    } finally {
      await this.#unmountDownTo(before);
      rmSync(this.#at("shelf/cut.img"));
    }
  }

  /** Unmounts what is mounted. Nothing may have a file open there any more. */
  async dispose(): Promise<void> {
    await this.#unmountDownTo(0);
  }

  async #make(): Promise<void> {
    const shelf = this.#image("shelf.img", sizes.shelf);
    await command("mkfs.xfs", "-q", "-m", "reflink=1", shelf);
    await this.#mount("xfs", shelf, "shelf");
    const disk = this.#image("shelf/disk.img", sizes.disk);
    await command("mkfs.ext4", "-q", "-F", disk);
    if (this.#driveCache) await this.#makeDrive(disk);
    await this.#mountDisk(disk, "live");
  }

  async #makeDrive(disk: string): Promise<void> {
    await this.#mount("ext4", disk, "live");
    await command("mkfs.ext4", "-q", "-F", this.#image("live/drive.img", sizes.drive));
    await this.#unmountDownTo(this.#mounted.length - 1);
  }

  async #mountDisk(disk: string, name: string): Promise<void> {
    await this.#mount("ext4", disk, name);
    if (this.#driveCache) await this.#mount("ext4", this.#at(`${name}/drive.img`), `${name}-drive`);
  }

  async #mount(type: string, image: string, name: string): Promise<void> {
    const folder = this.#at(name);
    mkdirSync(folder, { recursive: true });
    await command("mount", "-t", type, "-o", "loop,noatime", image, folder);
    this.#mounted.push(folder);
  }

  async #unmountDownTo(count: number): Promise<void> {
    for (let last = this.#mounted.at(-1); last !== undefined && this.#mounted.length > count; ) {
      await unmount(last);
      this.#mounted.pop();
      last = this.#mounted.at(-1);
    }
  }

  #image(name: string, size: number): string {
    const file = this.#at(name);
    writeFileSync(file, "");
    truncateSync(file, size);
    return file;
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }
}

async function unmount(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await command("umount", folder);
    } catch (error) {
      if (attempt === unmountAttempts) throw error;
      await setTimeout(50);
    }
  }
}
