// Runs mixpanel-import once, as its main function does, and prints seconds on the wall and of all processors, and megabytes at the
// peak: above those at the start, and of the whole process.
//
//     node mixpanel_import.cjs '{"modules": folder, "address": sink, "file": path, "token": token, "options": {...}}'
//
// Its endpoints are fields of the job, so the job is made here and given the sink's address. Its default transport (undici) has its
// host written into the program; this one takes the other, which its documentation calls the default (got).
const path = require("node:path");
const fs = require("node:fs");

const { modules, address, file, token, options } = JSON.parse(process.argv[2]);
const tool = path.join(modules, "node_modules", "mixpanel-import", "components");
const Job = require(path.join(tool, "job.js"));
const { determineDataType } = require(path.join(tool, "parsers.js"));
const { corePipeline } = require(path.join(tool, "pipelines.js"));

const resident = (line) => Number(fs.readFileSync("/proc/self/status", "utf8").match(new RegExp(`${line}:\\s+(\\d+)`))[1]) * 1024;

(async () => {
    const before = resident("VmRSS");
    const cpu = process.cpuUsage();
    const began = process.hrtime.bigint();
    const job = new Job({ token }, { recordType: "user", transport: "got", ...options });
    job.endpoints.us.user = `${address}/engage`;
    await job.init();
    await corePipeline(await determineDataType(file, job), job);
    const wall = Number(process.hrtime.bigint() - began) / 1e9;
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify([wall, (user + system) / 1e6, (resident("VmHWM") - before) / 1e6, resident("VmHWM") / 1e6]));
    process.exit(0);
})();
