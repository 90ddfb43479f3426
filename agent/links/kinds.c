/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of signal kinds.  Linked into the agent's processes; the
 * collector knows kinds only by their id.
 */
#include "agent/links/kinds.h"

#include <string.h>

#define S(x) CORDON__SEVERITY__SEVERITY_##x

static const struct signal_kind table[] = {
	{"agent.started", S(INFO), "", "agent started", "代理已启动",
	    "nothing to do", "无需处理"},
	{"agent.stopped", S(INFO), "", "agent stopped", "代理已停止",
	    "nothing to do if it was meant", "如属预期则无需处理"},
	{"agent.stopped-isolated", S(HIGH), "T1562.001",
	    "the agent was stopped while the host is isolated",
	    "主机隔离期间代理被停止",
	    "find out who stopped it; the rules stand meanwhile",
	    "查明由谁停止；隔离规则仍然有效"},
	{"agent.self-changed", S(CRITICAL), "T1562.001",
	    "a file of the agent itself changed", "代理自身文件被改动",
	    "isolate the host and compare with the package",
	    "隔离主机并与安装包比对"},
	{"agent.process-died", S(HIGH), "T1562.001",
	    "a process of the agent ended unexpectedly", "代理进程异常退出",
	    "look at who stopped it", "查明由谁终止"},
	{"agent.tamper", S(CRITICAL), "T1562.004",
	    "the isolation rules were touched by another program",
	    "隔离规则被其他程序改动", "keep the host isolated; look at the program",
	    "保持隔离，调查该程序"},
	{"firewall.changed", S(MEDIUM), "T1562.004",
	    "other firewall rules were changed on an isolated host",
	    "被隔离主机上的其他防火墙规则被改动",
	    "find out what the program wanted; the isolation stands",
	    "查明该程序的目的；隔离仍然有效"},
	{"agent.blind", S(MEDIUM), "T1562.006",
	    "a sensor could not see for a time", "传感器出现盲区",
	    "wait for the rescan that closes it", "等待补扫关闭盲区"},
	{"agent.blind-closed", S(INFO), "", "a rescan closed a blind interval",
	    "盲区已由补扫关闭", "nothing to do", "无需处理"},
	{"agent.spool-dropped", S(HIGH), "T1562.006",
	    "signals were dropped because the spool was full",
	    "缓存已满，部分信号被丢弃", "look at the line to the collector",
	    "检查到收集器的链路"},
	{"agent.certificate", S(MEDIUM), "",
	    "the agent came back with a certificate out of its dates",
	    "代理证书已过期，重新连接后自动续期",
	    "find out why the host was away for so long, or whose clock is off",
	    "查明主机长期离线的原因，或哪一方时钟不准"},
	{"files.baseline", S(INFO), "", "first baseline of a tree was taken",
	    "已建立文件基线", "nothing to do", "无需处理"},
	{"files.created", S(MEDIUM), "T1543", "a file appeared in a watched tree",
	    "受监控目录中出现新文件", "find out who made it and why",
	    "查明由谁、为何创建"},
	{"files.changed", S(HIGH), "T1565.001",
	    "the content of a watched file changed", "受监控文件内容被修改",
	    "compare with the known-good copy", "与可信副本比对"},
	{"files.attributes", S(MEDIUM), "T1222.002",
	    "mode, owner or attributes of a watched file changed",
	    "受监控文件的权限、属主或属性被修改", "check that it was meant",
	    "确认是否为预期操作"},
	{"files.deleted", S(HIGH), "T1070.004", "a watched file was deleted",
	    "受监控文件被删除", "restore it from the known-good copy",
	    "从可信副本恢复"},
	{"files.moved", S(MEDIUM), "T1036", "a watched file was moved",
	    "受监控文件被移动", "check that it was meant", "确认是否为预期操作"},
	{"files.setuid", S(CRITICAL), "T1548.001",
	    "a file became set-uid or set-gid", "文件被设置为 set-uid 或 set-gid",
	    "remove the bit; look for how it got there", "清除该位并追查来源"},
	{"files.capability", S(HIGH), "T1548.001",
	    "a file got capabilities", "文件被赋予能力（capabilities）",
	    "take them off with setcap -r; look for how they got there",
	    "用 setcap -r 清除并追查来源"},
	{"files.timestomp", S(MEDIUM), "T1070.006",
	    "the time of a watched file was set back",
	    "受监控文件的修改时间被回调", "find out who wants it to look old",
	    "查明由谁、为何伪造时间"},
	{"files.masquerade", S(HIGH), "T1036.003",
	    "a program of a package appeared under another name",
	    "软件包程序以其他名称出现", "find out who copied it and what runs it",
	    "查明由谁复制、由什么程序运行"},
	{"files.package-modified", S(HIGH), "T1554",
	    "a package's file no longer holds what the package brought",
	    "软件包文件内容与软件包不符",
	    "keep a copy, find out who changed it, re-install the package",
	    "保留副本，查明由谁修改，并重新安装软件包"},
	{"files.explained", S(INFO), "",
	    "changes that installed packages explain were counted",
	    "已统计可由软件包解释的改动", "nothing to do", "无需处理"},
	{"package.transaction", S(INFO), "",
	    "packages were installed, upgraded or removed",
	    "软件包被安装、升级或删除", "nothing to do if it was meant",
	    "如属预期则无需处理"},
	/* process.* */
	{"process.remote-shell", S(CRITICAL), "T1059.004",
	    "a shell takes its orders from the network", "shell 的输入来自网络",
	    "isolate the host; keep the process for memory and peers",
	    "隔离主机；保留该进程以便查看内存与对端"},
	{"process.memory-exec", S(CRITICAL), "T1620",
	    "a program runs from memory and has no file",
	    "程序从内存运行，没有对应文件",
	    "isolate the host; copy /proc/PID/exe before the process ends",
	    "隔离主机；在进程结束前复制 /proc/PID/exe"},
	{"process.pretends", S(HIGH), "T1036",
	    "a process bears the name of another one", "进程冒用其他进程的名称",
	    "look at its program and who started it", "查看其程序及启动者"},
	{"process.deleted-exec", S(HIGH), "T1070.004",
	    "a program runs whose file was deleted", "正在运行的程序其文件已被删除",
	    "copy /proc/PID/exe before the process ends",
	    "在进程结束前复制 /proc/PID/exe"},
	{"process.preload", S(HIGH), "T1574.006",
	    "a program is made to load a foreign library",
	    "程序被强制加载外来库", "look at the library and who set it",
	    "查看该库及其设置者"},
	{"process.volatile-exec", S(MEDIUM), "T1059",
	    "a program runs from a place where it does not belong",
	    "程序从不应存放程序的位置运行",
	    "look at the file; if it belongs there, name it in exec_allow",
	    "检查该文件；如属正常，请写入 exec_allow"},
	{"process.service-shell", S(HIGH), "T1505.003",
	    "a network service started a shell", "网络服务启动了 shell",
	    "look at its log; if it is meant, name it in shell_allow",
	    "查看其日志；如属正常，请写入 shell_allow"},
	{"process.traced", S(HIGH), "T1055.008",
	    "a process took hold of another one", "进程附加到另一个进程",
	    "find out who debugs there", "查明由谁调试"},
	{"process.became-root", S(CRITICAL), "T1068",
	    "a process became root without a set-uid program",
	    "进程未经 set-uid 程序而成为 root",
	    "isolate the host; look for a missing kernel update",
	    "隔离主机；检查是否缺少内核更新"},
	{NULL, S(NONE), NULL, NULL, NULL, NULL, NULL},
};

const struct signal_kind *
signal_kind_table(void)
{
	return table;
}

const struct signal_kind *
signal_kind_find(const char *id)
{
	const struct signal_kind *k;

	for (k = table; k->id != NULL; k++)
		if (strcmp(k->id, id) == 0)
			return k;
	return NULL;
}
